"""The verb: does a board rank models as other, trusted, scores do?"""
