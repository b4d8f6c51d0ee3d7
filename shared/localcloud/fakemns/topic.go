package fakemns

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"encoding/xml"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"vodcurator/shared/localcloud/calls"
)

// topic is a name that messages are published to. The server's mutex guards it.
type topic struct {
	name             string
	maxSize          int
	logging          bool
	created, changed time.Time
	published        int
	subs             map[string]*subscription
}

// subscription takes a topic's messages on: into a queue, or to a function inside
// the process.
type subscription struct {
	name, endpoint, tag, strategy, format string
	created, changed                      time.Time
	deliver                               func(Notice) // nil for one with an endpoint
}

// Notice is a published message as a subscriber inside the process gets it.
type Notice struct {
	ID, Topic, Subscription, Body, MD5, Tag string
	At                                      time.Time
}

var (
	errTopicNotExist = refuse(404, "TopicNotExist", "The topic name you provided is not exist.")
	errTopicExists   = refuse(409, "TopicAlreadyExist", "The topic you want to create is already exist.")
	errSubNotExist   = refuse(404, "SubscriptionNotExist", "The subscription name you provided is not exist.")
	errSubExists     = refuse(409, "SubscriptionAlreadyExist", "The subscription you want to create is already exist.")
	errEndpoint      = refuse(400, "EndpointInvalid", "The endpoint you provided is invalid.")
)

const maxSubscriptions = 100

// CreateTopic makes a topic, or leaves an existing one as it is.
func (s *Server) CreateTopic(name string) {
	defer func() { _ = s.flush() }() // as below
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.topics[name] == nil {
		t := newTopic(name, time.Now())
		s.topics[name] = t
		_ = s.record(entry{Topic: t.stored()}) // it is in the log; there is nobody to tell
	}
}

func newTopic(name string, now time.Time) *topic {
	return &topic{name: name, maxSize: maxBody, created: now, changed: now, subs: map[string]*subscription{}}
}

// Subscribe hands a topic's messages with this tag (or all, "") to deliver, which
// is called aside of the publisher and may block. The topic is made when it is not
// there.
func (s *Server) Subscribe(topic, name, tag string, deliver func(Notice)) {
	s.CreateTopic(topic)
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	s.topics[topic].subs[name] = &subscription{name: name, tag: tag, created: now, changed: now, deliver: deliver}
}

// Publish sends a message to a topic from inside the process.
func (s *Server) Publish(topic, body, tag string) (id string, err error) {
	s.mu.Lock()
	t := s.topics[topic]
	if t == nil {
		s.mu.Unlock()
		return "", errTopicNotExist
	}
	id = s.newID()
	t.published++
	var subs []subscription
	for _, sub := range t.subs {
		if sub.tag == "" || sub.tag == tag {
			subs = append(subs, *sub)
		}
	}
	s.mu.Unlock()
	for _, sub := range subs {
		n := Notice{ID: id, Topic: topic, Subscription: sub.name, Body: body, MD5: sum(body), Tag: tag, At: time.Now()}
		if sub.deliver != nil {
			go sub.deliver(n)
			continue
		}
		// A queue that has gone since is the subscriber's loss, not the publisher's.
		_, _ = s.Enqueue(queueOf(sub.endpoint), s.form(n, sub.format))
	}
	return id, nil
}

// form is a message as it arrives in a queue.
func (s *Server) form(n Notice, format string) string {
	switch format {
	case "SIMPLIFIED":
		return n.Body
	case "JSON":
		fields := map[string]string{
			"TopicOwner": s.opt.Account, "TopicName": n.Topic, "Subscriber": s.opt.Account, "SubscriptionName": n.Subscription,
			"MessageId": n.ID, "MessageMD5": n.MD5, "Message": n.Body, "PublishTime": strconv.FormatInt(n.At.UnixMilli(), 10),
		}
		if n.Tag != "" {
			fields["MessageTag"] = n.Tag
		}
		text, _ := json.Marshal(fields)
		return string(text)
	}
	text, _ := xml.MarshalIndent(struct {
		XMLName          xml.Name `xml:"http://mns.aliyuncs.com/doc/v1 Notification"`
		TopicOwner       string
		TopicName        string
		Subscriber       string
		SubscriptionName string
		ID               string `xml:"MessageId"`
		MD5              string `xml:"MessageMD5"`
		Message          string
		Tag              string `xml:"MessageTag,omitempty"`
		PublishTime      int64
	}{
		TopicOwner: s.opt.Account, TopicName: n.Topic, Subscriber: s.opt.Account, SubscriptionName: n.Subscription,
		ID: n.ID, MD5: n.MD5, Message: n.Body, Tag: n.Tag, PublishTime: n.At.UnixMilli(),
	}, "", "  ")
	return string(text)
}

var endpoint = regexp.MustCompile(`^acs:mns:([a-z0-9-]*):([0-9]*):/?queues/([A-Za-z0-9-]+)$`)

// queueOf is the queue that an endpoint names, "" for another kind of endpoint.
func queueOf(e string) string {
	if m := endpoint.FindStringSubmatch(e); m != nil {
		return m[3]
	}
	return ""
}

// checkEndpoint takes a queue of this region and account. One of another account needs
// its owner's leave on the real service; here there is no other.
func (s *Server) checkEndpoint(e string) error {
	kind, _, _ := strings.Cut(e, ":")
	m := endpoint.FindStringSubmatch(e)
	switch {
	case kind == "http" || kind == "https" || kind == "mail" || kind == "directmail" || kind == "sms" || kind == "directsms":
		return notImplemented("the endpoint " + kind + " of Subscribe")
	case m == nil || m[1] != "" && m[1] != s.opt.Region || m[2] != "" && m[2] != s.opt.Account:
		return errEndpoint
	}
	return nil
}

type xmlTopic struct {
	XMLName   xml.Name
	Name      string `xml:"TopicName,omitempty"`
	URL       string `xml:"TopicURL,omitempty"`
	MaxSize   int    `xml:"MaximumMessageSize,omitempty"`
	Retention int    `xml:"MessageRetentionPeriod,omitempty"`
	Count     *int   `xml:"MessageCount"`
	Created   int64  `xml:"CreateTime,omitempty"`
	Changed   int64  `xml:"LastModifyTime,omitempty"`
	Logging   string `xml:"LoggingEnabled,omitempty"`
}

type xmlSubscription struct {
	XMLName    xml.Name
	URL        string `xml:"SubscriptionURL,omitempty"`
	Name       string `xml:"SubscriptionName,omitempty"`
	Subscriber string `xml:"Subscriber,omitempty"`
	Owner      string `xml:"TopicOwner,omitempty"`
	Topic      string `xml:"TopicName,omitempty"`
	Endpoint   string `xml:"Endpoint,omitempty"`
	Strategy   string `xml:"NotifyStrategy,omitempty"`
	Format     string `xml:"NotifyContentFormat,omitempty"`
	Tag        string `xml:"FilterTag,omitempty"`
	Created    int64  `xml:"CreateTime,omitempty"`
	Changed    int64  `xml:"LastModifyTime,omitempty"`
}

type xmlTopics struct {
	XMLName xml.Name `xml:"http://mns.aliyuncs.com/doc/v1 Topics"`
	Topics  []xmlTopic
	Next    string `xml:"NextMarker,omitempty"`
}

type xmlSubscriptions struct {
	XMLName xml.Name `xml:"http://mns.aliyuncs.com/doc/v1 Subscriptions"`
	Subs    []xmlSubscription
	Next    string `xml:"NextMarker,omitempty"`
}

func (s *Server) routeTopic(r *http.Request, parts []string, q map[string]string, body []byte) (operation, bool) {
	if len(parts) == 1 {
		return operation{"ListTopic", "", "/topics", func(context.Context, calls.Fault) answer { return s.listTopics(r) }}, r.Method == http.MethodGet
	}
	name, sub := parts[1], ""
	if len(parts) == 4 {
		sub = parts[3]
	}
	key := r.Method + " " + level(parts)
	if q["metaoverride"] == "true" && r.Method == http.MethodPut {
		key += " override"
	}
	row, ok := map[string]struct {
		op string
		do func() answer
	}{
		"PUT topic":                 {"CreateTopic", func() answer { return s.putTopic(name, body, false) }},
		"PUT topic override":        {"SetTopicAttributes", func() answer { return s.putTopic(name, body, true) }},
		"GET topic":                 {"GetTopicAttributes", func() answer { return s.getTopic(name) }},
		"DELETE topic":              {"DeleteTopic", func() answer { return s.dropTopic(name) }},
		"POST messages":             {"PublishMessage", func() answer { return s.publish(name, body) }},
		"GET subscriptions":         {"ListSubscriptionByTopic", func() answer { return s.listSubscriptions(r, name) }},
		"PUT subscription":          {"Subscribe", func() answer { return s.putSubscription(name, sub, body, false) }},
		"PUT subscription override": {"SetSubscriptionAttributes", func() answer { return s.putSubscription(name, sub, body, true) }},
		"GET subscription":          {"GetSubscriptionAttributes", func() answer { return s.getSubscription(name, sub) }},
		"DELETE subscription":       {"Unsubscribe", func() answer { return s.dropSubscription(name, sub) }},
	}[key]
	if !ok {
		return operation{}, false
	}
	return operation{row.op, strings.Join(parts[1:], "/"), "/" + strings.Join(parts, "/"), func(context.Context, calls.Fault) answer { return row.do() }}, true
}

// level is what a path below topics names.
func level(parts []string) string {
	switch {
	case len(parts) == 2:
		return "topic"
	case len(parts) == 3 && (parts[2] == "messages" || parts[2] == "subscriptions"):
		return parts[2]
	case len(parts) == 4 && parts[2] == "subscriptions":
		return "subscription"
	}
	return ""
}

func (s *Server) putTopic(name string, body []byte, override bool) answer {
	switch {
	case len(name) > 120:
		return failed(refuse(400, "TopicNameLengthError", "Topic name length should between 1 and 120."))
	case !goodName.MatchString(name):
		return failed(refuse(400, "TopicNameInvalid", "The topic name you provided is invalid."))
	}
	var x struct {
		MaxSize *string `xml:"MaximumMessageSize"`
		Logging *string `xml:"LoggingEnabled"`
	}
	if len(bytes.TrimSpace(body)) > 0 {
		if err := readXML(body, "Topic", &x); err != nil {
			return failed(err)
		}
	}
	want := newTopic(name, time.Now())
	apply := func(t *topic) error {
		attr := Attributes{MaxSize: t.maxSize, Logging: t.logging}
		err := xmlAttributes{MaxSize: x.MaxSize, Logging: x.Logging}.apply(&attr)
		t.maxSize, t.logging = attr.MaxSize, attr.Logging
		return err
	}
	if err := apply(want); err != nil {
		return failed(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	old, where := s.topics[name], s.host()+"/topics/"+name
	switch {
	case override && old == nil:
		return failed(errTopicNotExist)
	case override:
		_ = apply(old) // it went well a moment ago
		old.changed = want.changed
		return s.kept(answer{status: 204}, entry{Topic: old.stored()})
	case old == nil:
		s.topics[name] = want
		return s.kept(answer{status: 201, location: where}, entry{Topic: want.stored()})
	case old.maxSize != want.maxSize || old.logging != want.logging:
		return failed(errTopicExists)
	}
	return answer{status: 204, location: where}
}

func (s *Server) getTopic(name string) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.topics[name]
	if t == nil {
		return failed(errTopicNotExist)
	}
	return answer{status: 200, body: t.wire(xml.Name{Space: namespace, Local: "Topic"})}
}

func (t *topic) wire(root xml.Name) xmlTopic {
	count := t.published
	return xmlTopic{XMLName: root, Name: t.name, MaxSize: t.maxSize, Retention: 86400, Count: &count,
		Created: t.created.Unix(), Changed: t.changed.Unix(), Logging: title(t.logging)}
}

func (s *Server) dropTopic(name string) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.topics[name] == nil {
		return failed(errTopicNotExist)
	}
	delete(s.topics, name)
	return s.kept(answer{status: 204}, entry{Topic: &storedTopic{Name: name, Gone: true}})
}

func (s *Server) listTopics(r *http.Request) answer {
	prefix, after, most, err := paging(r)
	if err != nil {
		return failed(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var names []string
	for name := range s.topics {
		names = append(names, name)
	}
	slices.Sort(names)
	names, next := page(names, prefix, after, most)
	out := xmlTopics{Next: next}
	for _, name := range names {
		x := xmlTopic{XMLName: xml.Name{Local: "Topic"}}
		if r.Header.Get("x-mns-with-meta") == "true" {
			x = s.topics[name].wire(xml.Name{Local: "Topic"})
		}
		x.URL = s.host() + "/topics/" + name
		out.Topics = append(out.Topics, x)
	}
	return answer{status: 200, body: out}
}

// readSubscription reads what is to be subscribed to.
func readSubscription(name string, body []byte) (*subscription, error) {
	var x struct {
		Endpoint, FilterTag, NotifyStrategy, NotifyContentFormat string
	}
	if err := readXML(body, "Subscription", &x); err != nil {
		return nil, err
	}
	want := &subscription{
		name: name, endpoint: x.Endpoint, tag: x.FilterTag, strategy: cmp.Or(x.NotifyStrategy, "BACKOFF_RETRY"),
		format: cmp.Or(x.NotifyContentFormat, "XML"), created: time.Now(), changed: time.Now(),
	}
	switch {
	case want.strategy != "BACKOFF_RETRY" && want.strategy != "EXPONENTIAL_DECAY_RETRY":
		return nil, errSchema("NotifyStrategy")
	case want.format != "XML" && want.format != "JSON" && want.format != "SIMPLIFIED":
		return nil, errSchema("NotifyContentFormat")
	case len(want.tag) > 16:
		return nil, errSchema("FilterTag")
	}
	return want, nil
}

// same says that another subscription asks for nothing else.
func (x *subscription) same(o *subscription) bool {
	return x.endpoint == o.endpoint && x.tag == o.tag && x.strategy == o.strategy && x.format == o.format
}

func (s *Server) putSubscription(name, sub string, body []byte, override bool) answer {
	switch {
	case len(sub) > 255:
		return failed(refuse(400, "SubscriptionNameLengthError", "Subscription name length should between 1 and 255."))
	case !goodName.MatchString(sub):
		return failed(refuse(400, "SubscriptionNameInvalid", "The subscription name you provided is invalid."))
	}
	want, err := readSubscription(sub, body)
	if err != nil {
		return failed(err)
	}
	if err := s.checkEndpoint(want.endpoint); err != nil && !override {
		return failed(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.topics[name]
	if t == nil {
		return failed(errTopicNotExist)
	}
	old, where := t.subs[sub], s.host()+"/topics/"+name+"/subscriptions/"+sub
	switch {
	case override && old == nil:
		return failed(errSubNotExist)
	case override:
		old.strategy, old.changed = want.strategy, want.changed
		return s.kept(answer{status: 204}, entry{Topic: t.stored()})
	case old == nil && len(t.subs) >= maxSubscriptions:
		return failed(refuse(400, "InvalidArgument", "The number of subscriptions should between 0 and 100."))
	case old == nil:
		t.subs[sub] = want
		return s.kept(answer{status: 201, location: where}, entry{Topic: t.stored()})
	case !old.same(want):
		return failed(errSubExists)
	}
	return answer{status: 204, location: where}
}

func (s *Server) getSubscription(name, sub string) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.topics[name]
	if t == nil {
		return failed(errTopicNotExist)
	}
	x := t.subs[sub]
	if x == nil {
		return failed(errSubNotExist)
	}
	return answer{status: 200, body: s.subscription(xml.Name{Space: namespace, Local: "Subscription"}, name, x)}
}

func (s *Server) subscription(root xml.Name, topic string, x *subscription) xmlSubscription {
	return xmlSubscription{XMLName: root, Name: x.name, Subscriber: s.opt.Account, Owner: s.opt.Account, Topic: topic, Endpoint: x.endpoint,
		Strategy: x.strategy, Format: x.format, Tag: x.tag, Created: x.created.Unix(), Changed: x.changed.Unix()}
}

func (s *Server) dropSubscription(name, sub string) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.topics[name]
	if t == nil {
		return failed(errTopicNotExist)
	}
	if t.subs[sub] == nil {
		return failed(errSubNotExist)
	}
	delete(t.subs, sub)
	return s.kept(answer{status: 204}, entry{Topic: t.stored()})
}

func (s *Server) listSubscriptions(r *http.Request, name string) answer {
	prefix, after, most, err := paging(r)
	if err != nil {
		return failed(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.topics[name]
	if t == nil {
		return failed(errTopicNotExist)
	}
	var names []string
	for sub := range t.subs {
		names = append(names, sub)
	}
	slices.Sort(names)
	names, next := page(names, prefix, after, most)
	out := xmlSubscriptions{Next: next}
	for _, sub := range names {
		x := xmlSubscription{XMLName: xml.Name{Local: "Subscription"}}
		if r.Header.Get("x-mns-with-meta") == "true" {
			x = s.subscription(xml.Name{Local: "Subscription"}, name, t.subs[sub])
		}
		x.URL = s.host() + "/topics/" + name + "/subscriptions/" + sub
		out.Subs = append(out.Subs, x)
	}
	return answer{status: 200, body: out}
}

func (s *Server) publish(name string, body []byte) answer {
	var x xmlSend
	if err := readXML(body, "Message", &x); err != nil {
		return failed(err)
	}
	s.mu.Lock()
	t := s.topics[name]
	most := maxBody
	if t != nil {
		most = t.maxSize
	}
	s.mu.Unlock()
	b, err := s.parse(x, most)
	if err != nil {
		return failed(err)
	}
	id, err := s.Publish(name, b.body, x.Tag)
	if err != nil {
		return failed(err)
	}
	return answer{status: 201, body: xmlMessage{XMLName: rootMessage(true), ID: id, MD5: sum(b.body)}, detail: "1"}
}
