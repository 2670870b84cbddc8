"""Training: one loop for every game, with averaging, history and checkpoints."""

from ganlib.training.callbacks import Evaluate, Every, Snapshots, to_uint8
from ganlib.training.checkpoint import load_gan
from ganlib.training.ema import EMA
from ganlib.training.history import History
from ganlib.training.rng import seed
from ganlib.training.seeds import Seeds
from ganlib.training.state import TrainingDiverged
from ganlib.training.trainer import Trainer
from ganlib.training.watch import Watch

__all__ = [
    "EMA",
    "Evaluate",
    "Every",
    "History",
    "Seeds",
    "Snapshots",
    "Trainer",
    "TrainingDiverged",
    "Watch",
    "load_gan",
    "seed",
    "to_uint8",
]
