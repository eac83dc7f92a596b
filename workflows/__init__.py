"""What is done with several services at once; each file has one workflow, declared in `main.py`."""
