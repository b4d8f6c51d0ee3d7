package retention

import (
	"strings"

	"vodcurator/shared/video"
)

// moved says where an asset stands that is to get another class: Absent is that it has come
// to it, Present that it is where it was, Untold that a change is under way or that the
// library does not tell its class.
func moved(item Item, m video.Media) Presence {
	want := item.To
	if item.Part == SourcePart && item.To != "Standard" {
		want = "Source" + item.To
	}
	switch class := m.StorageClass; {
	case class == "" || strings.HasSuffix(class, "Changing"):
		return Untold
	case class == want || class == item.To:
		return Absent
	}
	return Present
}

// Moves is the policy of the rules that move; nil: no rule does.
func (p *Policy) Moves() *Policy { return nil }
