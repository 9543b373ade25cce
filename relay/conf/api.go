package conf

import (
	"fmt"
	"strings"
)

// API is what guards acknowledging and silencing. Without any token it lets in
// everybody who reaches the address.
type API struct {
	// Token is what a request may show as "Authorization: Bearer" to act in any
	// name; the zero value means that there is none.
	Token Secret
	// TokenFile is the file that Token was read from; empty means none.
	TokenFile string
	// Tokens are good too. Whoever shows one acts in its name.
	Tokens []NamedToken
}

// Keys of the token, which can be given by itself or by a file.
const (
	keyToken     = "api.token"
	keyTokenFile = "api.token_file"
)

func (c *Config) setToken(v string) (err error) {
	if err := c.instead(keyToken, keyTokenFile); err != nil {
		return err
	}
	c.API.TokenFile = ""
	c.API.Token, err = parseSecret(v, checkToken)
	return err
}

func (c *Config) setTokenFile(path string) (err error) {
	if err := c.instead(keyTokenFile, keyToken); err != nil {
		return err
	}
	c.API.TokenFile = path
	c.API.Token, err = readSecret(path, checkToken)
	return err
}

// showToken is the value of api.token without the secret.
func (c *Config) showToken() string {
	if !c.API.Token.IsSet() || c.API.TokenFile != "" {
		return ""
	}
	return c.API.Token.String()
}

// instead puts one key in the place of another that means the same. A flag beats
// a variable, a variable beats the file; both from one of them is a mistake.
func (c *Config) instead(key, other string) error {
	from := c.origin[other]
	if from != "" && sourceOf(from) == sourceOf(c.origin[key]) {
		return fmt.Errorf("excludes %s (%s); leave one out", other, from)
	}
	delete(c.origin, other)
	return nil
}

// sourceOf is the beginning by which origins of flags and variables are told from
// places in the file.
func sourceOf(origin string) string {
	for _, prefix := range []string{"--", envPrefix} {
		if strings.HasPrefix(origin, prefix) && !strings.Contains(origin, ":") {
			return prefix
		}
	}
	return ""
}
