"""flowcoach reads the evidence a learner of MLflow leaves behind and says what holds."""

__version__ = "0.1.0"
