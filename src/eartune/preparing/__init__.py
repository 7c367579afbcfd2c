"""From anybody's files to a manifest that can be trusted: audio checked, faults set aside, a page that says so."""
