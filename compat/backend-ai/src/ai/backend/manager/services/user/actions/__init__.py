"""One module an operation, as code written for Backend.AI imports them."""
