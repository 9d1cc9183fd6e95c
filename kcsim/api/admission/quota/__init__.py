"""ResourceQuota: what objects use of it, which quotas count them, and whether one more fits.

The controller that adds usage up again (``kcsim.cluster.controllers.resourcequota``) measures with the same functions.
"""
