"""Loads what a process needs that draws cards, which takes longer than to draw those of a test."""

import importlib

from badges.printing import fonts

importlib.import_module("server.features.cards.drawing")
fonts.installed()
