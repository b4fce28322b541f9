"""What the grader must survive, word by word: each line is covered by at least one case (test_corpus.py)."""

LIST = """
perfect
partial
blank
slow but inside the limit
20,000 lines of output
tqdm and warnings on stderr
`.cuda()` on a CPU grader
own seeds
widgets
plots
magics
an `nn.Module` where a function was expected
a list of 0-d tensors
endless loop in a cell
endless loop in the function under test
endless loop swallowing KeyboardInterrupt
recursion
segfault
memory hog
`sys.exit`
`os._exit`
signal 9
`input()`
threads and children left running
100 MB of output
one 60 MB line
2,000 images
lone surrogates
test cells deleted
test cells duplicated
test cells reordered
test cells edited
points or ids changed
metadata lost
ids lost
nbformat 3
nbformat 4.0 to 4.5
nbformat 5
not JSON
empty
truncated
BOM
UTF-16
Latin-1
5 MB of Markdown
file missing
misnamed
two of them
from Colab
other kernel name
unicode and spaces in paths
read-only files
a stray torch.py beside it
a zip
a zip in a zip
links that point outside
zip members that point outside
zip bomb
reading hidden tests from disk
reading hidden tests from history
reading hidden tests from frames
reading hidden tests from arguments
printing or sending them
other submissions
the gradebook
the environment
/proc
the home
writing the gradebook
planting startup files
.pth
jupyter config
kernelspecs
fork bomb
disk fill
killing the parent
late processes
atexit
replaced assert
AssertionError
compile flags
AST and input transformers
objects equal to everything
tensor subclasses with __torch_function__
patched torch and numpy testing
run_cell
hooks
settrace
forged results and messages
gc and frame search for the answer
ctypes rewriting code objects
script in outputs and Markdown
behaving only when watched
values that are huge when materialised
values that run code when unpickled
message floods and malformed messages
""".strip().splitlines()
