"""What the screens ask of a world: functions of a session that give plain data. They run where the worlds are and know no Textual."""
