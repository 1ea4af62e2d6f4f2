"""What the port `ScheduleStore` promises: each occurrence once, and one job after the other."""
