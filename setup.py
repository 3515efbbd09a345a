import os

from setuptools import setup

# The wheel keeps the modes of the files that are made for it. They must not depend on who builds it.
os.umask(0o022)
setup()
