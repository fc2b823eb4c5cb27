"""Document options of several modules: account, users' domain and prices.

The options themselves are in module_utils/common/argument_specs.py; a test of the layout compares them.
"""


class ModuleDocFragment:
    """Fragment, found by its file's name.

    C(probcomp_account.prices) is the fragment PRICES.
    """

    DOCUMENTATION = r"""
options:
  account_id:
    description: The account that this must be; any when empty.
    type: str
    default: ""
"""
    DOMAIN = r"""
options:
  stack_domain:
    description: The domain below which users have their names, without a dot at its end.
    type: str
    required: true
"""
    PRICES = r"""
options:
  price_cache:
    description: File in which prices are kept for a week; none when empty.
    type: path
"""
