"""How somebody comes into a lobby: past the PIN, into the part of it that a token may fill, with a background."""

from __future__ import annotations

from server.access.authenticator import Authenticator
from server.access.pins import Proof, is_same
from server.access.tokens import Grant
from server.config.options import Config
from server.core.errors import SignalingError
from server.core.messages import background_id
from server.media.resources import MediaResources
from server.rooms.participant import Participant
from server.rooms.room import Room

LOBBY_SHARE = 4
"""One token that names nobody may take the n-th part of a room's lobby; an invitation, all but that part. Chosen."""


def expect_pin(authenticator: Authenticator, room: Room, proof: Proof) -> None:
    """Raise TokenError where a room asks for a PIN, but of who has the secret of its hosts."""
    if room.pin and not is_same(proof.host_token, room.roster.token):
        authenticator.pins.expect(f"room {room.name}", proof, lambda pin: is_same(pin, room.pin))


def lobby_share(authenticator: Authenticator, room: Room, grant: Grant) -> int:
    """Return how many in the lobby may have come by one token."""
    capacity = room.roster.capacity
    share = max(1, capacity // LOBBY_SHARE)
    made_here = authenticator.invitations.made_here
    invited = bool(grant.invitation) and made_here(room.name, grant.invitation)
    return capacity - share if invited else share


def newcomer(
    room: Room, config: Config, media: MediaResources, name: str, background: str, grant: Grant
) -> tuple[Participant, str | None]:
    """Make a participant, with the default where the background is forbidden or gone: it hides as well.

    Return the code of the error because of which the background is not the wanted one, if it isn't.
    """
    policy = grant.restrict(room.roster.policy)

    def make(behind: str) -> Participant:
        return Participant(name, behind, config, media, room.backgrounds.uploads, grant)

    usual = policy.default_background(config.background)
    if not background:
        return make(usual), None
    if not policy.allows_background(background_id(background)):
        participant = make(policy.default_background(config.background, background_id(background)))
        participant.background_choice.wanted = background_id(background)
        return participant, "background-forbidden"
    try:
        return make(background), None
    except SignalingError as error:
        return make(usual), error.code
