"""The published months: their file names, and what is known of the nine that the course uses."""

from dataclasses import dataclass

from flowcoach.problem import Problem


@dataclass(frozen=True)
class Month:
    """A month's file as published: its number of trips, its size in bytes and its SHA-256 in hex."""

    rows: int
    size: int
    sha256: str


# The publisher's own files, confirmed against several independent copies. Older mirrors carry re-encoded ones.
KNOWN: dict[tuple[int, int], Month] = {
    (2021, 1): Month(76_518, 1_333_519, "b8e2c9496c5eada0f10adbd88f98d91721ec6fe2787a2b355cf0ccfa9678ee7b"),
    (2021, 2): Month(64_572, 1_145_679, "fd43c7afa2002716c8afadfd57665ab9c9ad99be419570a9b0a08de15cbeb64e"),
    (2021, 3): Month(83_827, 1_474_538, "78847a2e0ccb58202eef3337903e696317656815f50423733ad3099dabc58a9d"),
    (2022, 1): Month(62_495, 1_254_291, "6a9efa68165ed2c52ec130cc9d8098b9e8a876f4316c17ddcbc170e46c45ad1d"),
    (2022, 2): Month(69_399, 1_428_262, "4e2fb2eb988955311e2110475eb32308ed2b2a1d601dca73965f3adf731245c4"),
    (2022, 3): Month(78_537, 1_615_562, "3911283dcf1cf9f705871aa7b5fee94ca58404a068289e1f4d4937e05ebb1af5"),
    (2023, 1): Month(68_211, 1_427_002, "9f0e03dd7f8f94ecc15949cdbfd2a4e1fc9ebb41a11882215158c9fc95012e31"),
    (2023, 2): Month(64_809, 1_533_740, "bcc2821d639197cbb09aeb8994121a7004f2a6568a64bf4839015db802f62743"),
    (2023, 3): Month(72_044, 1_730_999, "69ab2c3b515ad1dd686a8ac3375370b8a44b003d95d340655d94828db0681d9d"),
}


def file_name(year: int, month: int) -> str:
    """Return the publisher's name for a month's file, as `green_tripdata_2023-01.parquet`.

    Raises `Problem` for a month outside 1 to 12 or a year of other than four digits.
    """
    if not (1 <= month <= 12 and 1000 <= year <= 9999):
        raise Problem(f"{year}-{month} is not a month.", "Name months as year and month, for example 2023-01.")
    return f"green_tripdata_{year:04d}-{month:02d}.parquet"
