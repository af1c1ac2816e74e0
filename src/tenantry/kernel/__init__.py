"""The kernel runs any action and knows no noun of the business."""
