#pragma once

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

// What OpenSSL gives as macros that Swift does not see.

static inline int copenssl_require_tls12(SSL_CTX *context) {
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
}

static inline int copenssl_set_server_name(SSL *session, const char *name) {
    return (int)SSL_set_tlsext_host_name(session, name);
}

// HTTP/1.1 is all that is spoken: a client that offers protocols must offer it; one that offers none may speak it.
static inline int copenssl_choose_http1(
    SSL *session, const unsigned char **chosen, unsigned char *length,
    const unsigned char *offered, unsigned int offered_length, void *context
) {
    static const unsigned char http1[] = "\x08http/1.1";
    (void)session;
    (void)context;
    int result = SSL_select_next_proto(
        (unsigned char **)chosen, length, http1, sizeof http1 - 1, offered, offered_length
    );
    return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

static inline void copenssl_speak_http1(SSL_CTX *context) {
    SSL_CTX_set_alpn_select_cb(context, copenssl_choose_http1, NULL);
}

// Without this, OpenSSL would ask the terminal for the password of an encrypted key.
static inline int copenssl_no_password(char *buffer, int size, int is_writing, void *context) {
    (void)buffer;
    (void)size;
    (void)is_writing;
    (void)context;
    return -1;
}

static inline void copenssl_ask_no_password(SSL_CTX *context) {
    SSL_CTX_set_default_passwd_cb(context, copenssl_no_password);
}

static inline int copenssl_show_too(SSL_CTX *context, X509 *certificate) {
    return (int)SSL_CTX_add1_chain_cert(context, certificate);
}

static inline EVP_PKEY *copenssl_make_key(void) { return EVP_EC_gen("P-256"); }
