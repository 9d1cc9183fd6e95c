"""kcsim in a notebook: values that show themselves."""
