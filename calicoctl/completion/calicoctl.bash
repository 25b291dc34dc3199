# Completion for bash. In ~/.bashrc: source <(calicoctl completion bash)

_calicoctl() {
    local IFS=$' \t\n' place word current behind prefix glue= length
    local -a words=("${COMP_WORDS[0]}")
    COMPREPLY=()
    if [[ ${COMP_WORDS[COMP_CWORD - 1]} == *[\<\>]* ]]; then  # a redirection
        compopt -o default 2>/dev/null
        return
    fi
    # The cursor can be inside a word. bash replaces only the part before it, so find the part behind it.
    current=${COMP_WORDS[COMP_CWORD]}
    behind=${COMP_LINE:COMP_POINT}
    for ((length = ${#current}; length > 0; length--)); do
        if [[ ${current:${#current} - length} == "${behind:0:length}" ]]; then
            current=${current:0:${#current} - length}
            break
        fi
    done
    behind=${behind%%[[:space:]]*}
    behind=${behind//[\"\'\\]/}
    # bash splits --host=node1 and 10.0.0.0:80 into several words. Join them again; bash expects only the last part.
    for ((place = 1; place <= COMP_CWORD; place++)); do
        word=${COMP_WORDS[place]}
        ((place == COMP_CWORD)) && word=$current
        if [[ -n $word && -z ${word//[=:@]/} && ${#words[@]} -gt 1 ]]; then
            words[${#words[@]} - 1]+=$word
            glue=yes
        elif [[ -n $glue ]]; then
            words[${#words[@]} - 1]+=$word
            glue=
        else
            words+=("$word")
        fi
    done
    [[ -z ${current//[=:@]/} ]] && current=
    prefix=${words[${#words[@]} - 1]}
    prefix=${prefix%"$current"}
    prefix=${prefix//[\"\'\\]/}
    while IFS= read -r word; do
        [[ $word == *"$behind" || $word == :files ]] || continue
        [[ -n $behind || $word == *= ]] && compopt -o nospace 2>/dev/null
        case $word in
            :files) compopt -o default 2>/dev/null ;;
            *) word=${word%"$behind"}; COMPREPLY+=("${word#"$prefix"}") ;;
        esac
    done < <(calicoctl completion candidates -- "${words[@]//[\"\'\\]/}" 2>/dev/null)
}

complete -F _calicoctl calicoctl calicoq
