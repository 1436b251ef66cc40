"""What watches a model while it trains: at chosen steps, samples are drawn and audited."""

from mnemoscope.monitoring.monitor import MemorizationMonitor, MonitorRecord

__all__ = ["MemorizationMonitor", "MonitorRecord"]
