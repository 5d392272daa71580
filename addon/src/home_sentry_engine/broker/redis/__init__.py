"""Queue and bus over Redis, for several engines that share the work; the extra ``redis`` brings the driver."""
