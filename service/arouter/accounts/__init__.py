"""Who may call: keys and what they allow. An interface; what stands behind it is not the callers' business."""
