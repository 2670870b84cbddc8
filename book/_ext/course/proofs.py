"""`{prf:proof}` in the page's language.

The directive of sphinx-proof writes the English word "Proof. " into the first line of the source, which also breaks a
proof that begins with a formula, and gives every proof of a page the same id.
"""

from __future__ import annotations

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.locale import get_translation
from sphinx_proof.directive import ProofDirective
from sphinx_proof.domain import ProofDomain
from sphinx_proof.nodes import proof_node

translate = get_translation("proof")


class TranslatedProof(ProofDirective):
    """A proof: its word in italics, then its text."""

    def run(self) -> list[nodes.Node]:
        """Make the box."""
        self.assert_has_content()
        box = nodes.admonition(classes=["proof", "proof-text", *self.options.get("class", [])])
        self.state.nested_parse(self.content, self.content_offset, box)
        if not (box.children and isinstance(box[0], nodes.paragraph)):
            box.insert(0, nodes.paragraph())
        word = nodes.emphasis("", str(translate("Proof.")), classes=["proof-word"])
        box[0].insert(0, [word, nodes.Text("\u2002")])  # an en space: Chinese, too, needs one here
        node = proof_node()
        node += box
        return [node]


def setup(app: Sphinx) -> dict[str, object]:
    """Put the directive in the place of sphinx-proof's."""
    app.setup_extension("sphinx_proof")
    app.add_directive_to_domain(ProofDomain.name, "proof", TranslatedProof, override=True)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
