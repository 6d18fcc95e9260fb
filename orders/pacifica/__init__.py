"""The exchange's language: signing, the HTTP door, what an answer proves. No Django here."""
