"""What lies around a picture: places, habits, other cameras, known people, the scene itself."""
