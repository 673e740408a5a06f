from . import mfa_coverage, mfa_coverage_actions, mfa_coverage_headline
