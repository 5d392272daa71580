"""Tasks: what models are for; pure steps before and after the graph, one module per family."""
