"""Document the action plugin of the same name, which runs on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: url_cards
short_description: Print the cards that users log in with
description:
  - Writes C(<label>.pdf), the cards with address, user, pass phrase and a QR code of the address alone, and
    C(<label>.csv), the same as a table. Both have mode 0600, the folder 0700; both are written whole or not at all.
  - The pass phrases come from the password files, decrypted with the vault passwords of the run where ansible-vault
    encrypted them. One that is missing or faulty is an error, and nothing is written. Phrases show in no output.
  - Pages are set by typst from a template, in this process, with typst's own fonts. Equal input gives equal files, and
    then nothing is changed.
  - A character that no font can show, and text that does not fit the card, are errors.
attributes:
  check_mode:
    support: full
options:
  cards:
    description: The cards, in the order in which they are to be handed out.
    type: list
    elements: dict
    required: true
    suboptions:
      user:
        description: Whose card.
        type: str
        required: true
      url:
        description: Where the user's machine answers, or will.
        type: str
        required: true
      password_file:
        description: File whose first line is the pass phrase.
        type: path
        required: true
  label:
    description: Name of the files, without ending.
    type: str
    required: true
  directory:
    description: Folder of the files; made when missing.
    type: path
    required: true
  root:
    description: Where relative paths in I(logo), I(template) and I(fonts) begin.
    type: path
    default: .
  password_directory:
    description: Our own folder of password files. Where others can read it, it gets mode 0700; other folders are named.
    type: path
  minimum_length:
    description: Fewest characters that a pass phrase may have.
    type: int
    default: 12
  title:
    description: First line of a card.
    type: str
    default: ""
  text:
    description: What to do with the card, in one or more lines.
    type: str
    default: ""
  logo:
    description: A picture (svg, png, jpg, gif or webp).
    type: str
    default: ""
  paper:
    description: Either C(a4) or C(us-letter).
    type: str
    default: a4
  per_page:
    description: How many cards a page carries, one of 1, 2, 3, 4, 5, 6, 8, 10.
    type: str
    default: "3"
  order:
    description: With C(stack) the piles of a cut pack, one laid under the other, are in order; with C(page) each page.
    type: str
    default: stack
  template:
    description: Template for typst; when empty, C(template.typ) in I(directory) if it is there, else ours.
    type: str
    default: ""
  fonts:
    description: Folder of fonts that the template may use besides typst's.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Print the cards of a class
  url_cards:
    cards:
      - user: ws-1
        url: https://ws-1.stack.example.org
        password_file: jupyter-passwords/ws-1.passwd
    label: ws
    directory: cards
    title: Bayesian statistics, Monday
    per_page: 3
"""

RETURN = r"""
files:
  description: The PDF and the table.
  returned: success
  type: list
  elements: str
lines:
  description: For people, how many cards on how many pages, where, and how to print and cut them.
  returned: success
  type: list
  elements: str
"""
