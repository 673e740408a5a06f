from . import mfa_coverage
