"""The questions of each quiz, one file a quiz: how they are drawn, their right and tempting answers, their pictures.

They stand here and not in the notebooks: a student who sees how a plot is made need not read the plot. `dlcourse.quiz`
says how a question is made. The answers of this file are public, as all solutions of the repository are.
"""
