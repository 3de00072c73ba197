"""What the strategies of continual learning are worth, on two made-up streams of tasks."""
