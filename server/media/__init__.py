"""The media plane: receive, filter, encode once, fan out.

A picture's way is `publication`, a worker (`workers`, `codec`), `subscription`; what a receiver can take is decided by
`allocator` and `layer_selection`, what the server can afford by `governor`, which works with what `camera_costs`,
`headroom`, `fair_shares` and `picture_sizes` tell.
"""
