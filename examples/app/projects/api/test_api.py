import unittest

from api import greet


class GreetTest(unittest.TestCase):
    def test_greets_the_world_unless_told_otherwise(self) -> None:
        self.assertEqual("Hello, world!", greet())

    def test_greets_by_name(self) -> None:
        self.assertEqual("Hello, Ada!", greet("Ada"))
