// Sandboxes
