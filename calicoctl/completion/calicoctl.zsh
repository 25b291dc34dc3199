# Completion for zsh. In ~/.zshrc, after compinit: source <(calicoctl completion zsh)

_calicoctl() {
    local word
    local -a before offered options
    before=("${(@Q)words[1,CURRENT-1]}")
    # PREFIX is the part of the word before the cursor. Quotes are removed, because the last one may still be open.
    for word in "${(@f)$(calicoctl completion candidates -- "$before[@]" "${PREFIX//[\"\'\\]/}" 2>/dev/null)}"; do
        case $word in
            '') ;;
            :files)
                compset -P '--*='
                _files
                return
                ;;
            *=) options+=("$word") ;;
            *) offered+=("$word") ;;
        esac
    done
    compadd -S '' -a options
    compadd -a offered
}

compdef _calicoctl calicoctl calicoq
