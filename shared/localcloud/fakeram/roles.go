package fakeram

// Role gives the policy of a role that SetRole made, nil for one that may do all; false:
// there is no such role.
func (t *Keys) Role(name string) (*Policy, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	p, ok := t.roles[name]
	return p, ok
}

// functionTrust is who may take on a role that nobody created by name: the functions.
const functionTrust = `{"Version":"1","Statement":[{"Action":"sts:AssumeRole","Effect":"Allow","Principal":{"Service":["fc.aliyuncs.com"]}}]}`

// Trust is the text that says who may take a role on.
func (t *Keys) Trust(role string) string {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if text, ok := t.trust[role]; ok {
		return text
	}
	return functionTrust
}

// SetTrust keeps that text, which nobody obeys.
func (t *Keys) SetTrust(role, text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.trust == nil {
		t.trust = map[string]string{}
	}
	t.trust[role] = text
}

// PolicyOf is the name of a role's policy: as it was attached, or the role's own.
func (t *Keys) PolicyOf(role string) string {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if name, ok := t.attached[role]; ok {
		return name
	}
	return role
}

// Document gives a policy by its name, which may be that of a role.
func (t *Keys) Document(name string) (*Policy, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if p, ok := t.documents[name]; ok {
		return p, true
	}
	p := t.roles[name]
	return p, p != nil && len(p.Statement) > 0
}

// SetDocument keeps a policy under a name.
func (t *Keys) SetDocument(name string, p *Policy) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.documents == nil {
		t.documents = map[string]*Policy{}
	}
	t.documents[name] = p
}

// Attach gives a role the policy of a name.
func (t *Keys) Attach(role, name string, p *Policy) {
	t.SetRole(role, p)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.attached == nil {
		t.attached = map[string]string{}
	}
	t.attached[role] = name
}
