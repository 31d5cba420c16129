"""What became of a line, as short French sentences: whoever keeps a network's file reads French.

The English sentence tells the particular case; these tell its kind, by code. Codes of the directory are those of its
problem pages (openapi/problems).
"""

from collections.abc import Mapping

DONE: Mapping[str, str] = {
    "done.created": "Boîte publiée",
    "done.changed": "Boîte modifiée",
    "done.same": "Boîte déjà publiée ainsi",
    "done.withdrawn": "Boîte retirée",
    "plan.created": "Boîte à publier",
    "plan.changed": "Boîte à modifier",
    "plan.withdrawn": "Boîte à retirer",
}
LINES: Mapping[str, str] = {
    "address.ascii": "L'adresse contient un caractère accentué ou non ASCII",
    "address.at_sign": "L'adresse ne contient pas exactement un @",
    "address.domain": "Le domaine de l'adresse n'est pas valide",
    "address.length": "L'adresse est trop longue",
    "address.local_part": "La partie de l'adresse avant le @ n'est pas valide",
    "address.missing": "L'adresse manque",
    "answer.form": "La réponse attendue est O ou N",
    "line.control_character": "La ligne contient un caractère de contrôle",
    "line.encoding": "La ligne n'est pas dans l'encodage du fichier",
    "line.field_count": "Le nombre de cellules n'est pas celui de l'en-tête",
    "line.quote": "Un guillemet ouvert n'est pas refermé sur la ligne",
    "line.too_long": "La ligne est trop longue",
    "member.homonyms": "Plusieurs professionnels portent ce nom, le RPPS est nécessaire",
    "member.name_differs": "Ce numéro est celui d'une personne d'un autre nom",
    "member.not_found": "Aucun professionnel de ce nom à cet endroit",
    "member.number_missing": "Le RPPS manque, et le nom avec le lieu ou la profession aussi",
    "member.repeated": "L'adresse figure deux fois dans le fichier",
    "member.to_confirm": "Un seul professionnel correspond, son RPPS est à confirmer",
    "practitioner.form": "Le RPPS n'a pas la forme attendue",
    "rank.form": "Le rang n'est pas un entier à partir de 1",
    "state.unknown": "L'état n'est ni active, ni suspended, ni withdrawn",
    "type.unknown": "Le type de boîte n'est ni PER, ni ORG, ni APP, ni CAB",
}
DIRECTORY: Mapping[str, str] = {
    "domain.not_yours": "Ce domaine n'est pas attribué à l'opérateur par la liste blanche",
    "mailbox.address_invalid": "L'adresse n'est pas admise dans l'espace de confiance",
    "mailbox.exists": "Une boîte existe déjà à cette adresse",
    "mailbox.holder_missing": "Une boîte de ce type doit avoir un titulaire",
    "mailbox.immutable": "Le type et le titulaire d'une boîte ne changent pas",
    "mailbox.member_limit": "Une valeur dépasse sa limite",
    "mailbox.member_not_allowed": "Une boîte de ce type n'a pas cette donnée",
    "mailbox.not_yours": "La boîte appartient à un autre opérateur",
    "mailbox.organization_ambiguous": "Plusieurs structures ont cet identifiant",
    "mailbox.organization_unknown": "La structure est inconnue des référentiels",
    "mailbox.practitioner_inactive": "Le professionnel n'est plus en activité",
    "mailbox.practitioner_unknown": "Aucun professionnel n'a ce numéro dans le répertoire",
    "mailbox.quarantined": "L'adresse a été retirée récemment",
    "mailbox.successor_invalid": "L'adresse de remplacement n'est pas valide",
    "mailbox.unknown": "Il n'y a pas de boîte à cette adresse",
    "mailbox.withdrawn": "La boîte est retirée",
    "operator.not_publishing": "L'opérateur ne peut pas publier pour le moment",
    "precondition.failed": "La boîte a été modifiée entre-temps",
    "precondition.missing": "La boîte existe, son état doit être connu pour la modifier",
    "request.invalid": "Une valeur n'est pas admise",
    "request.unreadable": "La ligne n'a pas pu être lue par l'annuaire",
    "write.busy": "Une autre écriture occupe cette boîte, à renvoyer plus tard",
}
SENTENCES: Mapping[str, str] = {**DONE, **LINES, **DIRECTORY}
# A directory newer than this program may have codes that this program does not know.
OTHER = "Refusé par l'annuaire"


def bilingual(code: str, detail: str | None) -> str:
    """`French / English`, or French alone where nothing is to be said."""
    french = SENTENCES.get(code, OTHER)
    return f"{french} / {detail}" if detail else french
