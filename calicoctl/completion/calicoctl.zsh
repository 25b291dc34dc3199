# Completion for zsh. In ~/.zshrc, after compinit: source <(calicoctl completion zsh)

_calicoctl() {
    local word
    local -a before offered options
    before=("${(@Q)words[1,CURRENT-1]}")
    # What is before the cursor, of which an opened quote is no part.
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
