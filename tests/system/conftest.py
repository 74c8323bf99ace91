"""Servers and kiosks are forks of a process that has loaded their code."""

from tests.system.support.nursery import nursery as nursery
