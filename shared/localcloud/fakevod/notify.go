package fakevod

import (
	"bytes"
	"context"
	"crypto/md5" //nolint:gosec // the callback signature is one
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"vodcurator/shared/localcloud/calls"
)

// Callback is where notifications of one application go.
type Callback struct {
	CallbackType  string // HTTP, MNS
	CallbackURL   string
	EventTypeList string // comma separated, or ALL; empty: none
	AuthSwitch    string // on, off
	AuthKey       string
	MnsEndpoint   string
	MnsQueueName  string
}

// wants says whether an event type is subscribed to.
func (cb Callback) wants(kind string) bool {
	if strings.HasPrefix(kind, "AI") {
		kind = "AIComplete"
	}
	list := strings.Split(cb.EventTypeList, ",")
	return slices.Contains(list, "ALL") || slices.Contains(list, kind)
}

var eventTypes = strings.Fields(`ALL FileUploadComplete ImageUploadComplete AttachedMediaUploadComplete UploadByURLComplete
	VideoAnalysisComplete StreamTranscodeComplete TranscodeComplete SnapshotComplete DynamicImageComplete AddLiveRecordVideoComplete
	LiveRecordVideoComposeStart CreateAuditComplete AIComplete ProduceMediaComplete DeleteMediaComplete MediaBaseChangeComplete
	UpdateMediaStorageClassComplete RestoreMediaComplete SubmitMediaRefreshComplete WorkflowTaskComplete`)

// event is one notification to one place.
type event struct {
	asset string // events of one asset go out one after the other
	kind  string
	to    Callback
	body  []byte
}

// note is a notification with the common fields; fields may overwrite Status.
type note map[string]any

func (s *Server) note(a *Asset, kind string, now time.Time, fields map[string]any) note {
	n := note{"EventType": kind, "EventTime": stamp(now), "Status": "success"}
	maps.Copy(n, fields)
	if kind == "ImageUploadComplete" && s.opt.ColonMillis {
		n["EventTime"] = now.UTC().Format("2006-01-02T15:04:05") + ":000Z"
	}
	if extend, ok := extendOf(a.UserData); ok && kind != "MediaBaseChangeComplete" && kind != "DeleteMediaComplete" {
		n["Extend"] = extend
	}
	return n
}

// extendOf is the value that a caller passed through UserData: it comes back as text.
func extendOf(userData string) (string, bool) {
	var u struct{ Extend json.RawMessage }
	if json.Unmarshal([]byte(userData), &u) != nil || len(u.Extend) == 0 || string(u.Extend) == "null" {
		return "", false
	}
	var text string
	if json.Unmarshal(u.Extend, &text) == nil {
		return text, true
	}
	return string(u.Extend), true
}

func (s *Server) baseChange(a *Asset, mode string, content map[string]string, now time.Time) note {
	n := s.note(a, "MediaBaseChangeComplete", now, map[string]any{"MediaId": a.ID, "MediaType": "video", "OperateMode": mode, "MediaContent": content})
	if s.opt.StringMediaContent {
		n["MediaContent"] = string(marshal(content))
	}
	return n
}

func (s *Server) deletion(a *Asset, what string, jobs []string, now time.Time) note {
	n := s.note(a, "DeleteMediaComplete", now, map[string]any{"MediaId": a.ID, "MediaType": "video", "DeleteType": what})
	if len(jobs) > 0 {
		n["JobIds"] = strings.Join(jobs, ",")
	}
	return n
}

func (s *Server) analysis(a *Asset, now time.Time) note {
	src := a.Source
	fields := map[string]any{"VideoId": a.ID, "Duration": src.Duration, "Bitrate": text(src.Bitrate), "Size": src.Size}
	if src.Height > 0 {
		fields["Width"], fields["Height"], fields["Fps"] = src.Width, src.Height, text(src.FPS)
	}
	if s.opt.StringNotificationNumber {
		for k, v := range fields {
			fields[k] = fmt.Sprint(v)
		}
	}
	return s.note(a, "VideoAnalysisComplete", now, fields)
}

// tellTranscoded sends what follows a transcoding: the snapshots, if it took any, beside
// the streams that it made, in an order drawn from the seed, and the whole task after them.
func (s *Server) tellTranscoded(ch *change, a *Asset, made []Stream, snapshots bool) {
	var parallel []note
	var infos []map[string]any
	for _, st := range made {
		info := map[string]any{"Status": "success", "IsAudio": st.kind() == "audio", "Definition": st.Definition, "Format": st.Format, "Duration": st.Duration,
			"Bitrate": text(st.Bitrate), "Size": st.Size, "Encrypt": st.Encrypted, "FileUrl": s.host() + a.streamKey(st), "JobId": st.JobID,
			"Codec": st.Codec, "StartTime": stamp(ch.now), "FinishTime": stamp(ch.now)}
		if st.Height > 0 {
			info["Width"], info["Height"], info["Fps"] = st.Width, st.Height, text(st.FPS)
		}
		infos = append(infos, info)
		one := maps.Clone(info)
		one["VideoId"] = a.ID
		parallel = append(parallel, s.note(a, "StreamTranscodeComplete", ch.now, one))
	}
	s.rng.Shuffle(len(parallel), func(i, j int) { parallel[i], parallel[j] = parallel[j], parallel[i] })
	order := slices.Concat(parallel, []note{s.note(a, "TranscodeComplete", ch.now, map[string]any{"VideoId": a.ID, "StreamInfos": infos})})
	if snapshots {
		order = slices.Insert(order, s.rng.IntN(len(order)+1), s.snapshotNote(a, ch.now, ""))
	}
	ch.tell(a, order...)
}

// snapshotNote tells of an asset's snapshots; subType of those that a job of its own made.
func (s *Server) snapshotNote(a *Asset, now time.Time, subType string) note {
	var infos []map[string]any
	for _, j := range a.Snapshots {
		format := a.snapshotFormat(j)
		infos = append(infos, map[string]any{"Status": "success", "SnapshotType": j.Type, "SnapshotCount": j.Count, "SnapshotFormat": format,
			"SnapshotRegular": s.host() + format, "JobId": j.JobID})
	}
	body := map[string]any{"VideoId": a.ID, "CoverUrl": a.CoverURL, "SnapshotInfos": infos}
	if subType != "" {
		body["SubType"] = subType
	}
	return s.note(a, "SnapshotComplete", now, body)
}

// callback is an application's setting, the zero one when it has none; the caller holds s.mu.
func (s *Server) callback(app string) Callback {
	cb, ok := s.lib.callbacks[app]
	if !ok && app == DefaultApp && s.opt.Callback != nil {
		return *s.opt.Callback
	}
	return cb
}

// diverted is the setting with the address that an upload's UserData asked for. It
// is an object or text that holds one; an address alone means HTTP, and the key stays.
func (cb Callback) diverted(userData string) Callback {
	var u struct{ MessageCallback json.RawMessage }
	if json.Unmarshal([]byte(userData), &u) != nil || len(u.MessageCallback) == 0 {
		return cb
	}
	var text string
	if json.Unmarshal(u.MessageCallback, &text) == nil {
		u.MessageCallback = json.RawMessage(text)
	}
	var to struct{ CallbackType, CallbackURL string }
	if json.Unmarshal(u.MessageCallback, &to) != nil || to.CallbackURL == "" || to.CallbackType != "" && !strings.EqualFold(to.CallbackType, "http") {
		return cb
	}
	cb.CallbackType, cb.CallbackURL = "HTTP", to.CallbackURL
	return cb
}

// tell queues notifications about an asset, as far as its application wants them.
func (ch *change) tell(a *Asset, notes ...note) {
	cb := ch.s.callback(a.app())
	to := cb.diverted(a.UserData)
	for _, n := range notes {
		kind, _ := n["EventType"].(string)
		if cb.wants(kind) {
			ch.events = append(ch.events, event{asset: a.ID, kind: kind, to: to, body: marshal(n)})
		}
	}
}

// outbox keeps the events of one asset in order while those of others overtake.
type outbox struct {
	mu     sync.Mutex
	queues map[string][]event
	log    calls.Log
}

// Deliveries is the log of notifications: Op is the event type, Detail the asset,
// Status 200 when it arrived, Code why it did not.
func (s *Server) Deliveries() *calls.Log { return &s.outbox.log }

func (s *Server) emit(events []event) {
	o := &s.outbox
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.queues == nil {
		o.queues = map[string][]event{}
	}
	for _, e := range events {
		queue, busy := o.queues[e.asset]
		o.queues[e.asset] = append(queue, e)
		if !busy {
			s.work.add()
			go s.deliverAll(e.asset)
		}
	}
}

// deliverAll sends the events of one asset until there are none.
func (s *Server) deliverAll(asset string) {
	defer s.work.end()
	o := &s.outbox
	for {
		o.mu.Lock()
		if len(o.queues[asset]) == 0 {
			delete(o.queues, asset)
			o.mu.Unlock()
			return
		}
		queue := o.queues[asset]
		f := s.opt.Fault.For("callback:"+queue[0].kind, "", asset)
		if f.Reorder && len(queue) > 1 { // the next one overtakes it
			queue[0], queue[1] = queue[1], queue[0]
			f = calls.Fault{}
		}
		e := queue[0]
		o.queues[asset] = queue[1:]
		o.mu.Unlock()
		s.deliver(e, f)
	}
}

// attempts at one notification, a second apart; then it is dropped.
const attempts = 3

func (s *Server) deliver(e event, f calls.Fault) {
	note := calls.Call{Op: e.kind, Detail: e.asset, Status: http.StatusOK}
	if f.Delay > 0 && !s.pause(s.ctx, f.Delay) {
		return
	}
	if f.Spoils() && !f.After {
		note.At, note.Status, note.Code = time.Now(), 0, "Lost"
		s.outbox.log.Add(note)
		return
	}
	times := 1
	if f.After { // it arrives and is sent again, as when the answer was lost
		times = 2
	}
	for range times {
		var err error
		for n := range attempts {
			if n > 0 && !s.pause(s.ctx, time.Second) {
				return
			}
			if err = s.attempt(e); err == nil {
				break
			}
		}
		note.At = time.Now()
		if err != nil {
			note.Status, note.Code = 0, "Dropped"
			s.opt.Log.Warn("notification dropped", "event", e.kind, "media", e.asset, "error", err)
		}
		s.outbox.log.Add(note)
	}
}

func (s *Server) attempt(e event) error {
	if e.to.CallbackType == "MNS" {
		if s.opt.Enqueue == nil {
			return errors.New("no queue service")
		}
		if s.opt.Base64Notifications {
			return s.opt.Enqueue(e.to.MnsQueueName, []byte(base64.StdEncoding.EncodeToString(e.body)))
		}
		return s.opt.Enqueue(e.to.MnsQueueName, e.body)
	}
	ctx, cancel := context.WithTimeout(s.ctx, 5*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, e.to.CallbackURL, bytes.NewReader(e.body))
	if err != nil {
		return errors.New("callback URL is not valid")
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "Apache-HttpClient/4.4.1 (Java/1.8.0_152)")
	if e.to.AuthSwitch == "on" && e.to.AuthKey != "" {
		at := strconv.FormatInt(time.Now().Unix(), 10)
		sum := md5.Sum([]byte(e.to.CallbackURL + "|" + at + "|" + e.to.AuthKey)) //nolint:gosec // as above
		r.Header.Set("X-VOD-TIMESTAMP", at)
		r.Header.Set("X-VOD-SIGNATURE", hex.EncodeToString(sum[:]))
	}
	resp, err := s.opt.HTTP.RoundTrip(r) // not a client: redirects are not followed
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err
		}
		return err
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20))
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("callback answered %d", resp.StatusCode)
	}
	return nil
}

func setMessageCallback(s *Server, c *call) (any, *fault) {
	kind := c.choice("CallbackType")
	auth := c.choice("AuthSwitch")
	cb := Callback{CallbackType: kind, CallbackURL: c.q.Get("CallbackURL"), EventTypeList: c.q.Get("EventTypeList"), AuthSwitch: auth,
		AuthKey: c.q.Get("AuthKey"), MnsEndpoint: c.q.Get("MnsEndpoint"), MnsQueueName: c.q.Get("MnsQueueName")}
	switch {
	case kind == "HTTP" && cb.CallbackURL == "":
		return nil, missingParam("CallbackURL")
	case kind == "HTTP" && (len(cb.CallbackURL) > 256 || !strings.HasPrefix(cb.CallbackURL, "http://") && !strings.HasPrefix(cb.CallbackURL, "https://")):
		return nil, invalidParam("CallbackURL")
	case kind == "MNS" && cb.MnsQueueName == "":
		return nil, missingParam("MnsQueueName")
	case kind == "MNS" && cb.MnsEndpoint == "":
		return nil, missingParam("MnsEndpoint")
	case auth == "on" && !strongKey(cb.AuthKey):
		return nil, invalidParam("AuthKey")
	}
	return reply{}, s.write(c.now, func(ch *change) *fault {
		app := firstOf(c.q.Get("AppId"), DefaultApp)
		s.lib.callbacks[app] = cb
		ch.entries = append(ch.entries, entry{App: app, Callback: &cb})
		return nil
	})
}

// strongKey is the rule for callback keys: at most 32 characters, of three kinds.
func strongKey(k string) bool {
	has := func(lo, hi rune) bool {
		return strings.ContainsFunc(k, func(r rune) bool { return lo <= r && r <= hi })
	}
	return len(k) <= 32 && has('a', 'z') && has('A', 'Z') && has('0', '9')
}

func getMessageCallback(s *Server, c *call) (any, *fault) {
	app := firstOf(c.q.Get("AppId"), DefaultApp)
	s.mu.RLock()
	defer s.mu.RUnlock()
	cb := s.callback(app)
	return reply{"MessageCallback": map[string]string{"CallbackType": cb.CallbackType, "CallbackURL": cb.CallbackURL, "EventTypeList": cb.EventTypeList,
		"AppId": app, "AuthSwitch": cb.AuthSwitch, "AuthKey": cb.AuthKey, "MnsEndpoint": cb.MnsEndpoint, "MnsQueueName": cb.MnsQueueName}}, nil
}

func deleteMessageCallback(s *Server, c *call) (any, *fault) {
	return reply{}, s.write(c.now, func(ch *change) *fault {
		app := firstOf(c.q.Get("AppId"), DefaultApp)
		s.lib.callbacks[app] = Callback{} // not absent: that would bring Options.Callback back
		ch.entries = append(ch.entries, entry{App: app, Callback: &Callback{}})
		return nil
	})
}
