"""Numbers, attachments and printed papers (编号, 附件, 单据)."""
