from psycopg2.errors import SerializationFailure

TRIES = 10


def in_own_transaction(env, work):
    """Return ``work(cr)``, done in a transaction that outlives a roll-back of ``env``'s.

    Tried again where another transaction changed the same row meanwhile.

    :raise SerializationFailure: when that happened ten times in a row
    """
    for _try in range(TRIES - 1):
        try:
            with env.registry.cursor() as cr:
                return work(cr)
        except SerializationFailure:
            continue
    with env.registry.cursor() as cr:
        return work(cr)
