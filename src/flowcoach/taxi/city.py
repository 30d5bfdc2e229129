"""The city that synthetic trips are driven in: where its zones lie, and how many trips join each two of them.

Measured on the green taxi files of January to March 2023 as published by New York's Taxi & Limousine
Commission. East and north are *latent* coordinates: the places on a plane, in miles from zone 74, at which
straight lines come closest to the median metered distance of every pair of zones. Trips between two zones
follow a gravity model: a factor for the distance between them, balanced so that every zone has the pickups and
drop-offs that it really had.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

# Of each zone: its number, its pickups and drop-offs in three months, miles east and north, and in percent: by how
# much more the trips that start there and that end there shun distance, and by how much longer they take than
# others of their distance and hour.
_ZONES = """
1 9 71 -6.4 24.4 -20 -63 12 -4, 2 0 1 6.6 7.6 0 -54 0 0, 3 16 28 9.2 -3.6 -7 -19 -3 -6
4 1 183 -3.9 6.1 -64 -54 0 -4, 5 0 1 -2.4 -2.0 0 -80 0 -2, 7 4581 2758 1.4 6.0 1 -1 5 1
8 1 5 2.3 5.1 -30 36 3 -7, 9 18 86 8.9 10.8 -27 12 17 -6, 10 39 464 5.8 16.4 -47 -25 -8 -3
11 16 29 -10.6 16.5 -49 -32 -4 -6, 12 0 7 -5.2 6.3 0 -73 0 0, 13 0 115 -6.8 6.5 0 -62 0 4
14 159 279 -10.8 12.7 -39 -45 -1 -5, 15 1 40 11.3 7.8 -70 26 1 -15, 16 17 135 11.0 9.0 -35 -1 -1 -13
17 212 838 -3.4 11.0 -20 11 13 7, 18 85 174 5.3 -3.8 5 -12 11 7, 19 8 55 12.9 11.3 -48 -15 1 -6
20 46 90 5.9 -3.0 -4 -13 13 6, 21 102 66 -9.8 16.5 6 -40 53 9, 22 35 43 -10.4 16.1 -18 -25 1 7
23 1 3 -1.4 -14.8 -35 -29 0 0, 24 1396 1877 1.0 1.1 -11 59 2 -4, 25 1223 637 -5.9 10.1 14 -52 6 11
26 35 89 -8.7 14.1 35 -22 7 14, 27 1 2 -13.6 17.6 48 -20 -6 -1, 28 65 1229 5.4 13.3 -50 -22 -14 -10
29 87 127 -7.8 19.3 -34 -34 0 7, 31 8 33 7.5 -2.3 -30 -31 -4 -3, 32 25 58 8.0 -3.3 -20 -14 1 -9
33 1594 740 -6.0 9.5 1 -10 -4 15, 34 31 104 -4.4 9.4 -1 -16 0 7, 35 59 128 -3.3 14.4 -13 14 2 11
36 281 192 -0.9 11.3 -13 8 5 10, 37 78 362 -1.6 10.9 -23 -25 16 13, 38 16 45 9.9 17.5 -80 -12 -21 -1
39 28 63 -3.6 16.2 -31 -24 -5 9, 40 125 483 -6.7 10.2 2 100 5 -6, 41 11206 7605 0.6 0.3 -14 -40 3 -3
42 4790 6799 1.0 -0.6 -19 -24 2 -6, 43 8181 3342 -0.2 1.6 -2 -1 -3 -1, 44 0 1 2.8 -7.0 0 -80 0 0
45 7 150 -5.2 7.4 -74 -57 0 -7, 46 2 7 13.1 -1.8 -25 -31 -1 -5, 47 75 168 4.5 -1.6 11 2 3 8
48 1 1088 -3.0 3.2 -80 -26 6 6, 49 280 1660 -4.4 10.9 -10 92 8 11, 50 1 393 3.2 3.8 -52 -35 0 -8
51 49 63 11.0 -3.4 -37 -17 -8 -13, 52 512 304 -6.3 9.8 38 100 1 0, 53 35 303 8.3 7.1 -47 19 2 -9
54 14 174 -6.9 9.6 -22 14 -6 1, 55 413 326 -11.2 19.9 -8 -7 5 16, 56 85 1154 4.0 9.4 35 -2 3 11
57 10 39 5.3 8.0 -31 5 1 8, 58 0 2 11.2 -1.0 0 -45 -1 -6, 59 1 13 5.8 -1.7 25 -12 3 8
60 31 86 5.8 -1.5 -9 -9 1 3, 61 391 1269 -3.8 12.1 -15 -10 8 8, 62 46 271 -4.7 12.7 -22 20 9 12
63 15 95 1.0 14.1 -29 -23 -3 9, 64 2 29 12.8 8.3 -57 -5 -2 -11, 65 4506 549 -5.5 9.8 5 -33 11 16
66 1748 484 -5.7 8.9 -7 -44 2 9, 67 36 39 -10.7 13.4 -30 -35 -1 -5, 68 1 641 -4.4 4.4 -60 -24 0 10
69 266 590 3.1 -1.0 -18 12 13 10, 70 111 695 4.5 7.2 -31 43 -6 -22, 71 52 136 -5.1 14.5 -46 2 20 19
72 53 140 -4.0 14.5 -33 -24 11 18, 73 23 174 7.9 9.4 -31 12 1 1, 74 37317 9734 0.0 0.0 5 97 2 -11
75 26737 9801 -0.5 1.1 -14 12 -4 -2, 76 114 164 -1.2 15.4 -23 -10 -2 11, 77 16 35 -1.9 14.3 -13 10 10 19
78 67 117 5.7 -2.2 -10 -7 5 2, 79 0 476 -4.3 6.3 0 -49 1 7, 80 420 329 -1.4 10.1 -24 -9 -3 -4
81 22 38 9.3 -4.4 -24 -17 -1 -8, 82 8095 2608 2.8 9.2 20 13 2 21, 83 1329 953 1.9 8.7 12 -14 0 10
85 43 111 -5.7 14.2 -39 -5 16 22, 86 12 48 14.6 14.1 -64 7 -1 8, 87 2 191 -6.6 7.1 -32 -39 0 0
88 2 132 -6.9 6.7 -56 -48 0 -7, 89 110 439 -6.5 14.4 -46 -17 10 9, 90 8 307 -4.5 4.7 -80 -47 4 14
91 44 88 -5.9 16.1 -18 -6 11 13, 92 1768 717 6.8 8.6 -15 -1 3 5, 93 38 134 5.7 9.4 -32 -27 -14 -24
94 39 88 5.3 -3.1 -7 4 7 6, 95 10944 4376 4.3 11.6 35 -24 -1 9, 96 6 103 6.2 11.3 -18 -1 0 1
97 6139 1550 -5.2 10.3 25 -15 14 13, 98 12 131 8.6 11.4 -16 8 11 -15, 100 2 324 -3.2 3.9 -67 -13 0 24
101 3 56 13.0 9.1 -61 -12 -2 -13, 102 66 633 2.3 12.4 -24 6 21 9, 106 29 258 -6.9 11.0 -23 -18 10 7
107 0 484 3.6 5.0 0 -80 0 10, 108 34 38 -9.3 18.6 -29 -32 -1 -3, 111 2 2 -6.8 12.2 43 10 -1 -1
112 469 498 -1.3 8.3 -7 -5 0 -3, 113 2 265 -4.1 6.1 -62 -42 0 20, 114 1 201 -4.8 6.2 -23 -45 0 12
115 0 3 -2.4 -10.5 0 -22 0 2, 116 1761 2773 1.4 -1.2 -13 -44 -2 -1, 117 10 23 14.8 10.9 -56 -43 -5 3
118 1 1 -0.2 -8.1 -61 -71 0 0, 119 52 275 3.0 -2.0 -24 -5 2 0, 120 29 81 2.4 -2.2 -51 -5 -6 -7
121 39 973 7.1 11.8 -28 -6 -1 -5, 122 71 128 8.3 15.2 -27 19 -17 -1, 123 69 154 -8.4 17.7 -50 -47 7 13
124 42 93 9.3 12.2 -80 -37 -4 4, 125 1 91 -1.9 10.6 -58 -62 2 13, 126 34 100 5.0 0.1 -26 -3 6 -6
127 300 536 2.6 -5.0 0 -6 5 -8, 128 22 56 2.9 -5.1 -26 11 -2 -8, 129 3522 3585 2.6 7.9 44 25 7 12
130 3844 1023 5.6 14.6 -29 -16 -13 6, 131 25 220 8.2 13.9 -49 -26 -14 -19
132 23 1197 5.0 19.5 -29 -52 -14 -10, 133 15 85 -7.6 14.0 -19 -42 -1 -4, 134 2426 1405 5.0 12.9 8 79 -18 8
135 57 1138 6.0 12.0 -19 -24 -4 -9, 136 77 147 4.6 -4.0 -35 -15 6 4, 137 11 524 -3.6 4.6 -62 -47 0 0
138 25 3534 5.4 6.3 -8 -25 -4 -45, 139 7 61 10.9 17.1 -66 -10 -4 -2, 140 7 2001 -1.3 3.5 -73 -9 0 5
141 0 2173 -1.1 3.2 0 15 1 5, 142 0 2285 -1.1 3.3 0 -57 0 1, 143 0 1163 1.4 3.3 0 14 -1 2
144 2 160 -4.9 7.0 -71 -41 0 8, 145 215 577 -0.6 6.5 44 3 -5 -4, 146 370 492 0.2 6.0 5 17 -1 2
147 23 104 4.0 -0.1 20 -25 5 10, 148 3 269 -4.5 7.2 -20 -28 0 -1, 149 19 41 -6.9 17.6 -33 -45 13 9
150 99 155 -9.4 19.9 -18 -23 -8 1, 151 15 4178 0.8 1.5 -49 28 -4 -7, 152 1147 2322 1.4 -0.1 -19 80 -6 2
153 19 37 3.9 -5.2 -40 -1 -1 -6, 154 22 12 -12.2 17.9 -22 -32 -9 -4, 155 33 67 -5.1 17.4 -30 22 -18 3
156 0 2 1.5 -5.6 0 -80 0 -1, 157 176 802 0.9 9.6 -46 17 1 1, 158 0 168 -5.1 5.1 0 -31 0 8
159 255 541 3.0 -0.2 9 51 8 7, 160 23 796 4.6 9.5 -7 -21 15 3, 161 3 1226 -1.9 3.5 -80 -2 0 19
162 1 936 -1.8 3.9 -80 -31 2 13, 163 1 830 -1.4 3.6 -80 -51 0 13, 164 0 433 -3.0 3.9 0 -42 0 21
165 25 71 -7.2 15.7 -42 -27 5 12, 166 11279 6479 1.2 0.7 -11 10 -1 -2, 167 98 261 3.9 -0.2 12 33 7 11
168 225 905 2.5 0.3 -4 -27 1 3, 169 90 216 4.4 -2.4 -12 -2 6 4, 170 2 697 -2.5 4.4 -80 -49 2 14
171 33 256 8.1 8.2 -34 -11 15 -1, 172 0 3 1.4 -4.6 0 -73 0 0, 173 193 812 4.1 8.4 18 -17 17 18
174 79 113 6.7 -4.8 -9 -20 0 -5, 175 13 64 10.8 12.4 -80 -10 -7 -15, 177 51 153 -2.5 13.3 -39 30 14 11
178 8 21 -8.0 16.6 -18 -41 -3 9, 179 656 1232 1.6 5.3 9 61 3 -3, 180 26 120 7.9 12.7 -39 -36 4 13
181 689 1513 -6.2 11.5 -16 -6 11 13, 182 58 67 7.1 -0.7 -21 14 -9 -3, 183 14 25 9.9 -1.1 -18 10 -7 -15
184 0 3 3.5 -8.0 0 -50 0 -4, 185 29 57 8.6 -2.1 -6 0 -5 -7, 186 3 577 -3.5 4.4 -78 -7 0 23
187 0 2 2.9 -12.5 0 -20 0 0, 188 112 547 -5.0 13.4 -13 -9 15 10, 189 91 690 -5.1 11.4 -8 -3 13 15
190 64 90 -5.4 12.2 -20 16 6 10, 191 74 223 9.9 15.0 -63 76 -13 -1, 192 22 170 2.4 13.0 -27 -39 -4 -6
193 432 511 0.3 5.6 41 30 -9 -12, 194 4 63 2.1 2.4 -40 -64 -5 -24, 195 47 322 -7.7 10.0 -19 -4 0 -3
196 1412 1380 3.6 10.4 -25 -36 -2 11, 197 76 1003 6.3 13.4 -45 51 -14 10, 198 41 325 0.1 11.4 -25 -3 10 9
200 13 117 4.1 -6.8 -15 -30 -17 -26, 201 3 11 13.6 8.0 -80 -68 -2 1, 202 12 154 -0.7 5.4 -37 27 -3 3
203 11 45 11.4 17.7 -78 17 -8 -14, 204 0 1 8.0 4.4 0 26 0 2, 205 19 347 8.4 16.4 -60 28 -5 3
206 7 2 -2.3 -9.0 93 45 -5 -2, 207 42 56 2.3 6.5 100 100 -7 -8, 208 30 70 9.5 1.4 -36 5 1 -23
209 6 117 -6.6 7.3 -41 -51 0 2, 210 805 688 -8.4 19.0 9 4 -4 25, 211 0 119 -4.7 6.8 0 -36 0 13
212 121 83 6.9 -0.3 32 -8 -7 -10, 213 59 167 6.7 1.0 -18 1 0 -12, 214 1 3 -2.4 -2.9 -69 -80 0 -3
215 73 419 6.5 15.4 -43 47 -6 2, 216 158 981 7.5 14.9 -52 -9 1 2, 217 35 142 -2.8 10.0 -19 -33 5 9
218 31 196 6.9 17.2 -64 43 -5 0, 219 19 108 9.7 17.1 -63 9 -1 -20, 220 107 238 4.4 -5.7 -21 -14 -3 -20
221 1 4 -2.7 -8.6 80 -71 2 -4, 222 27 28 -2.2 16.4 -32 -12 3 1, 223 1131 1832 2.5 5.5 -17 17 0 -10
224 1 135 -4.2 4.9 -55 -22 0 -2, 225 83 588 -2.6 11.6 -11 25 15 9, 226 751 1417 0.7 7.2 8 -15 6 1
227 64 174 -9.3 12.2 -9 -27 18 17, 228 50 264 -8.3 11.6 -5 -36 3 4, 229 4 758 -1.4 4.3 -80 -21 1 3
230 2 691 -2.3 3.7 -70 -57 0 17, 231 4 379 -6.1 6.9 -63 -54 -1 7, 232 9 226 -4.6 6.9 -9 -41 0 -3
233 1 515 -2.6 4.4 -79 25 0 -1, 234 0 446 -3.7 4.9 0 -36 3 21, 235 77 237 3.8 -2.9 30 -35 11 -1
236 1211 7764 -0.8 1.7 1 -18 2 -2, 237 3 2921 -0.8 3.2 -80 45 0 8, 238 4 6652 0.5 2.0 -59 10 2 -8
239 3 4103 0.8 2.7 -67 -11 3 -7, 240 11 20 7.7 -5.3 -6 -25 -7 -13, 241 99 157 5.2 -4.6 8 -9 5 -1
242 84 69 8.5 -0.8 -36 -13 7 -2, 243 406 1287 2.2 -3.6 -26 -1 -6 -3, 244 4981 2484 1.6 -2.5 -25 -36 -15 -1
245 1 0 2.4 -8.9 94 0 -1 0, 246 2 420 -4.4 4.1 -80 -8 5 -2, 247 360 531 2.4 -1.1 -21 60 2 2
248 30 63 6.7 -0.3 -5 10 3 -5, 249 1 223 -5.1 5.7 -59 -60 0 15, 250 38 75 7.9 -0.4 -10 -6 8 -10
251 1 1 1.8 -9.0 -79 100 0 -1, 252 13 142 8.8 6.6 -56 58 -10 -18, 253 5 10 6.5 7.8 -29 -14 0 -12
254 58 84 8.8 -4.4 -29 -22 5 -11, 255 598 450 -2.2 8.7 9 3 8 -3, 256 227 428 -2.6 9.2 -15 9 9 0
257 28 128 -7.3 12.4 -8 -16 -6 -4, 258 54 412 6.9 11.8 -46 -16 26 12, 259 26 35 9.1 -5.7 -27 -24 -9 -5
260 3926 1481 1.6 7.8 10 -3 1 4, 261 3 114 -4.8 12.2 -56 -50 0 -4, 262 19 2574 -1.7 1.9 -54 -8 -15 4
263 211 4470 -1.3 1.5 -33 5 -7 -1, 264 98 270 0.5 2.8 100 -40 -11 9, 265 106 509 12.9 2.6 -59 -51 -5 -8
"""

# Factor for the distance between two zones in miles, 0 within one zone, on the logarithmic scale between these.
_REACH_MILES = (0, 0.6, 0.95, 1.25, 1.6, 2.05, 2.6, 3.5, 4.5, 5.7, 7.2, 9, 11.5, 15, 19)
_REACH = (1.2, 0.8, 1, 1.25, 0.66, 0.49, 0.25, 0.13, 0.055, 0.025, 0.011, 0.0044, 0.0011, 0.0003, 0.00005)
_REACH_BOOKED = 0.04  # trips ordered by app are as likely at any distance that is not less likely than this

_WITHIN_ZONE = 0.84  # median miles of a trip that stays in its zone
_NEAREST = 0.55  # miles added in quadrature between zones, so that neighbours are not at one spot
_SEED = 2023  # of what is not measured one by one: how single pairs differ from the model


@dataclass(frozen=True)
class City:
    """Zones and their pairs as arrays; a pair of zones is one index into the flat arrays of zones squared.

    `zone` holds the publisher's numbers; `chance` and `chance_booked` the cumulative share of trips up to
    each pair, `miles` its usual distance, and `slow` what its trips take longer, as a difference of logarithms.
    """

    zone: np.ndarray
    chance: np.ndarray
    chance_booked: np.ndarray
    miles: np.ndarray
    slow: np.ndarray

    def ends(self, pair: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the numbers of the zones where these pairs begin and end."""
        return self.zone[pair // len(self.zone)], self.zone[pair % len(self.zone)]

    def within(self, pair: np.ndarray) -> np.ndarray:
        """Return which of these pairs stay in one zone."""
        return pair // len(self.zone) == pair % len(self.zone)

    def to_itself(self, pair: np.ndarray) -> np.ndarray:
        """Return for each of these pairs the one that stays where it begins."""
        return pair // len(self.zone) * (len(self.zone) + 1)


@cache
def city() -> City:
    """Return the one city there is."""
    table = np.array(
        [[float(cell) for cell in row.split()] for row in _ZONES.replace("\n", ", ").split(",") if row.strip()]
    )
    zone, pickups, dropoffs, east, north, near_from, near_to, slow_from, slow_to = table.T
    apart = np.hypot(east[:, None] - east, north[:, None] - north)
    same = np.eye(len(zone), dtype=bool)
    miles = np.where(same, _WITHIN_ZONE, np.sqrt(apart**2 + _NEAREST**2))
    reach = np.exp(np.interp(np.where(same, 0.0, miles), _REACH_MILES, np.log(_REACH)))
    # One stream for all that is particular to a pair; its order is part of every month's values.
    rng = np.random.RandomState(_SEED)
    habit, detour, slow = rng.normal(size=(3, *miles.shape))
    pull = reach ** (1 + (near_from[:, None] + near_to) / 100) * np.exp(0.8 * habit)
    return City(
        zone=zone.astype(np.int64),
        chance=_balance(pull, pickups, dropoffs),
        # Trips booked by app start in more zones and go further.
        chance_booked=_balance(np.minimum(pull, _REACH_BOOKED), pickups**0.7, dropoffs**0.8),
        miles=(miles * np.exp(0.06 * detour)).ravel(),
        slow=(slow_from[:, None] / 100 + slow_to / 100 + 0.074 * slow).ravel(),
    )


def _balance(pull: np.ndarray, pickups: np.ndarray, dropoffs: np.ndarray) -> np.ndarray:
    """Return the cumulative share of every pair, by iterative proportional fitting to both margins."""
    pickups, dropoffs = np.maximum(pickups, 0.5), np.maximum(dropoffs, 0.5)  # a zone not seen is not closed
    share = pull
    for _ in range(12):
        share = share * (dropoffs / dropoffs.sum() / share.sum(axis=0))
        share = share * (pickups / pickups.sum() / share.sum(axis=1))[:, None]
    return np.cumsum(share.ravel())
