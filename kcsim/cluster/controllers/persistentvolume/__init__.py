"""PersistentVolumes and their claims: binding, provisioning, reclaiming, protection."""
