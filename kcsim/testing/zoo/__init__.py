"""A bug zoo with ground truth: small controllers with one known defect each, and their mended twins."""
