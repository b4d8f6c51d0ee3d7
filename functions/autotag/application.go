package main

import "vodcurator/events"

// ours leaves out what VOD tells of other applications than ours. What does not say
// whose it is stays: the media is asked, before anything is done about it.
func (h *handler) ours(notices []events.Notice) []events.Notice {
	if h.app == "" {
		return notices
	}
	var own []events.Notice
	for _, n := range notices {
		if n.App == "" || n.App == h.app {
			own = append(own, n)
		}
	}
	return own
}
