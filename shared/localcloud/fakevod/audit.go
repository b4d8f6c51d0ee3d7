package fakevod

import (
	"encoding/json"
	"slices"
	"time"
)

// Verdict is a person's word on a video: it may be played, or not.
type Verdict struct {
	Status  string // Normal, Blocked
	Reason  string `json:",omitempty"`
	Comment string `json:",omitempty"`
	Auditor string
	At      time.Time
}

// Audit is what people have said of an asset, the newest last.
type Audit struct{ Verdicts []Verdict }

func (a *Asset) auditStatus() string {
	if a.Audit == nil {
		return "Normal"
	}
	return a.Audit.Verdicts[len(a.Audit.Verdicts)-1].Status
}

// verdicts reads AuditContent: at most 100 objects, as text.
func (c *call) verdicts() ([]map[string]string, *fault) {
	var out []map[string]string
	if err := json.Unmarshal([]byte(c.q.Get("AuditContent")), &out); err != nil || len(out) == 0 || len(out) > 100 {
		return nil, invalidParam("AuditContent")
	}
	for _, v := range out {
		for name, value := range v {
			most, known := map[string]int{"VideoId": 0, "Status": 0, "Reason": 128, "Comment": 512}[name]
			switch {
			case !known:
				return nil, refuse(501, "NotImplemented", "The field AuditContent[]."+name+" of CreateAudit is not emulated.")
			case most > 0 && len(value) > most:
				return nil, tooLong(name, most)
			}
		}
		if v["VideoId"] == "" || v["Status"] != "Normal" && v["Status"] != "Blocked" {
			return nil, invalidParam("AuditContent")
		}
	}
	return out, nil
}

// audit enters a verdict. One that blocks, or lets play again, changes the status of an
// asset that is processed.
func (ch *change) audit(a *Asset, v Verdict) {
	b := a.edit(ch.now)
	var all []Verdict
	if a.Audit != nil {
		all = slices.Clone(a.Audit.Verdicts)
	}
	b.Audit = &Audit{append(all, v)}
	if slices.Contains([]string{"Normal", "Blocked", "Checking"}, a.Status) {
		b.Status = v.Status
	}
	ch.put(b)
	event := map[string]any{"Status": "success", "MediaId": b.ID, "SubType": "video", "AuditStatus": v.Status, "CreationTime": stamp(ch.now), "Auditor": v.Auditor}
	if v.Reason != "" {
		event["Reason"] = v.Reason
	}
	ch.tell(b, ch.s.note(b, "CreateAuditComplete", ch.now, event))
}

// createAudit blocks videos and lets them play again. An unknown video refuses all: what
// the service does then is not documented.
func createAudit(s *Server, c *call) (any, *fault) {
	verdicts, refused := c.verdicts()
	if refused != nil {
		return nil, refused
	}
	who, _ := s.opt.Keys.Identity(c.key.ID) // the gateway has found it
	return reply{}, s.write(c.now, func(ch *change) *fault {
		for _, v := range verdicts {
			if _, refused := s.video(c, v["VideoId"]); refused != nil {
				return refused
			}
		}
		for _, v := range verdicts {
			a, _ := s.video(c, v["VideoId"])
			ch.audit(a, Verdict{v["Status"], v["Reason"], v["Comment"], who.PrincipalID, ch.now})
		}
		return nil
	})
}

func getAuditHistory(s *Server, c *call) (any, *fault) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	a, refused := s.video(c, c.q.Get("VideoId"))
	if refused != nil {
		return nil, refused
	}
	type history struct{ Status, Reason, Comment, Auditor, CreationTime string }
	list := []history{}
	if a.Audit != nil {
		for _, v := range a.Audit.Verdicts {
			list = append(list, history{v.Status, v.Reason, v.Comment, v.Auditor, stamp(v.At)})
		}
	}
	if c.choice("SortBy") == "CreationTime:Desc" {
		slices.Reverse(list)
	}
	return reply{"Status": a.auditStatus(), "Total": len(list), "Histories": page(c, list)}, nil
}

// moveAppResource gives assets to another application. Applications are no more than
// their ids here: any is there.
func moveAppResource(s *Server, c *call) (any, *fault) {
	missing, failed := []string{}, []string{}
	refused := s.write(c.now, func(ch *change) *fault {
		for _, id := range c.list("ResourceIds") {
			a := s.lib.assets[id]
			switch kind := c.choice("ResourceType"); {
			case a == nil || (kind == "image") != (a.Kind == "image") || kind == "attached":
				missing = append(missing, id)
			case !c.sees(a):
				failed = append(failed, id)
			default:
				b := a.edit(ch.now)
				b.AppID = c.q.Get("TargetAppId")
				ch.put(b)
			}
		}
		return nil
	})
	return reply{"NonExistResourceIds": missing, "FailedResourceIds": failed}, refused
}
