"""ValidatingAdmissionPolicy: rules in CEL that every write must keep, and the bindings that put them in force."""
