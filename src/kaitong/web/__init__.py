"""The pages: workbench, orders, fallout desk. A face: it asks packages and decides nothing."""
