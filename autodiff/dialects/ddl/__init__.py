"""SQL for operations: in standard SQL here, and each dialect overrides what differs."""

from autodiff.dialects.ddl.statements import DDL

__all__ = ["DDL"]
