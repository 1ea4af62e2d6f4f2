"""A session of SQLAlchemy's ORM, with a pool of connections that is made at import."""

from __future__ import annotations

import os
from typing import Any

from sqlalchemy import create_engine, func, make_url, select, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, sessionmaker

from scheduler import JobContext, handler

ENGINE = create_engine(
    make_url(os.environ["DATABASE_URL"]).set(drivername="postgresql+psycopg"), pool_pre_ping=True
)
Session = sessionmaker(ENGINE)


class Base(DeclarativeBase):  # type: ignore[misc] # its types are not read, see pyproject.toml
    """Has all tables."""


class Order(Base):
    """One order of a job."""

    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    job: Mapped[str]
    price: Mapped[int]


@handler("orders")
def orders(data: Any, job: JobContext) -> Any:
    """Write orders in one transaction: {"prices": [1, 2]}; wait in it: {"wait_s": 60}."""
    Base.metadata.create_all(ENGINE)
    with Session() as session, session.begin():
        session.add_all(Order(job=job.id, price=price) for price in data["prices"])
        session.flush()
        session.execute(text("SELECT pg_sleep(:wait_s)"), {"wait_s": data.get("wait_s", 0)})
        total = select(func.sum(Order.price), func.count()).where(Order.job == job.id)
        price, number = session.execute(total).one()
    return {"orders": number, "price": price}
