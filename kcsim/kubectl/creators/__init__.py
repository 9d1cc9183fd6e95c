"""Objects from flags: what each ``kubectl create KIND`` makes."""
